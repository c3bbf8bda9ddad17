"""Files of other programs, read without executing anything from them.

    recognition  what a file is
    pickle_contents  the classes that a pickle names
    records      what stands for an object of a class: its class by name, and its fields
    pickles      a pickle as plain data and records
    calls        what a pickle may call: constructors of containers, arrays and tensors
    protobuf     messages of protocol buffers, which ONNX graphs are
    onnx_files   ONNX graphs, with their nodes and arrays
    torch_files  files of torch, with their tensors

Importers turn what is read here into models.
"""
