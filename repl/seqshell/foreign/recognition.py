"""Say what a file is that seqshell did not write, from its content, and what to do with it. No code in it is run.

Imports neither torch nor numpy.
"""

from __future__ import annotations

import io
import mmap
import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.json_values import parsed
from seqshell.core.named_files import named_path, opened
from seqshell.foreign.pickle_contents import PickleContents, read_pickle_contents
from seqshell.foreign.records import Name

MODEL_ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".pkl", ".h5", ".onnx", ".gguf", ".net", ".tar", "")
HEAD = 4096
MAX_PICKLE = 100_000_000  # bytes of the pickle in a zip archive
MAX_HEADER = 100_000_000  # bytes of the header of a safetensors file
OLD_STARTS = (b"(", b"c", b"]", b"}")  # of containers and classes, in pickles of the protocols 0 and 1
LEGACY_PICKLES = 4  # torch before 1.6: a number, the version, information about the system, and the object
SAVE_WEIGHTS = 'save the weights alone, with torch.save(model.state_dict(), "weights.pt")'
MAKES = "seqshell import FILE makes a checkpoint of it"
WITHOUT_CODE = "seqshell import FILE makes a checkpoint of its weights, and runs no code of it"
REFUSED = "seqshell does not do that; use a file of weights"
CONVERT = "seqshell reads weights from .safetensors and PyTorch files; save them as one of these"
AGAIN = "copy or download it again"
OTHER_KIND = "seqshell runs recurrent models; see seqshell models for those that are there"
HDF5 = b"\x89HDF\r\n\x1a\n"
MAGIC = (  # first bytes, what the file is, what to do
    (b"GGUF", "is a GGUF file, a transformer for llama.cpp", OTHER_KIND),
    ((b"ggml", b"lmgg", b"ggjt", b"tjgg"), "is a GGML file, a transformer for llama.cpp", OTHER_KIND),
    (b"\x93NUMPY", "is an array of numpy", CONVERT),
    (b"\x1f\x8b", "is compressed with gzip", "unpack it first, with gunzip or tar -xzf"),
    ((b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"), "is compressed", "unpack it first"),
    (b"Rar!", "is a RAR archive", "unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive", "unpack it first"),
    (b"%PDF", "is a PDF document, not a model", "use the file of the model"),
    ((b"\x89PNG", b"\xff\xd8\xff", b"GIF8"), "is a picture, not a model", "use the file of the model"),
    (b"\x7fELF", "is a program, not a model", "use the file of the model"),
)
TRANSFORMER = re.compile(r"(attn|attention|self_att|q_proj|query|transformer|\bh\.\d+\.|encoder\.layer\.\d)", re.I)
RECURRENT = re.compile(r"weight_(ih|hh)(_l\d+)?(_reverse)?$")


@dataclass(frozen=True)
class ForeignFile:
    """What a file is.

    kind: "checkpoint" of seqshell, "safetensors" of other programs, "transformer" in safetensors, "torch" (weights,
    or containers with weights), "mixed" (weights and other objects), "object" (a pickle of another object),
    "torchscript", "arrays" (a .npz), "keras", "onnx", or "other", which includes empty and truncated files.
    what: the rest of a sentence that begins with the file's name. todo: what the user can do; FILE is the file.
    """

    kind: str
    what: str
    todo: str

    @property
    def is_torch(self) -> bool:
        """Whether `read_torch` reads it: weights, other pickles and TorchScript."""
        return self.kind in ("torch", "mixed", "object", "torchscript")

    def error(self, path: Path) -> CheckpointError:
        """The error that says what the file is and what to do."""
        return CheckpointError(self.message(path))

    def message(self, path: Path) -> str:
        """The text of that error."""
        return f"{path.name or path} {self.what}; {self.todo.replace('FILE', str(path))}"


def recognise_file(path: Path) -> ForeignFile:
    """Say what a file or folder is, from its content. Raises CheckpointError if it cannot be read."""
    path = named_path(path, error=CheckpointError)
    if path.is_dir():
        return _folder(path)
    if path.exists() and not path.is_file():
        return ForeignFile("other", "is a special file, not a model", "use the file of the model")
    with opened(path, error=CheckpointError) as file:
        return _recognise(file, path)


def _recognise(file: BinaryIO, path: Path) -> ForeignFile:
    head, size = file.read(HEAD), path.stat().st_size
    file.seek(0)
    if not head:
        return ForeignFile("other", "is empty", AGAIN)
    if size <= 8 and path.suffix.lower() in MODEL_ENDINGS:
        return ForeignFile("other", f"is truncated: it has {size} bytes", AGAIN)
    if head.startswith(HDF5):
        return ForeignFile("keras", "is an HDF5 file, as Keras writes it", MAKES)
    for magic, what, todo in MAGIC:
        if head.startswith(magic):
            return ForeignFile("other", what, todo)
    if head.startswith(b"version https://git-lfs"):
        found = re.search(rb"^size (\d+)", head, re.M)
        of_size = f" to a file of {int(found[1]):,} bytes" if found else ""
        return ForeignFile(
            "other",
            f"is a Git LFS pointer{of_size}, not the file",
            "run git lfs pull where it was cloned, or download it",
        )
    if head.startswith(b"PK"):
        return _archive(file)
    if head.startswith(b"\x80") and 2 <= head[1] <= 5:
        return _pickle(_mapped(file))
    if head[:1] in OLD_STARTS and _is_old_pickle(_mapped(file), size):
        return _pickle(_mapped(file))
    if head[257:262] == b"ustar":
        return ForeignFile("other", "is a tar archive", "unpack it first, with tar -xf")
    if head[8:9] == b"{" or head[8:10] == b" {":
        return _safetensors(file, size)
    if path.suffix == ".onnx" or (head[:1] == b"\x08" and re.search(rb"pytorch|onnx|tf2onnx|keras2onnx", head[:200])):
        return ForeignFile("onnx", "is an ONNX graph", MAKES)
    if path.suffix == ".pb":
        return ForeignFile("other", "is a graph of TensorFlow", CONVERT)
    return _text(head, path) or ForeignFile(
        "other", "is no model that seqshell knows, or it is truncated or damaged", f"{AGAIN}, or use another file"
    )


def _folder(path: Path) -> ForeignFile:
    names = {each.name for each in path.iterdir()}
    if "saved_model.pb" in names:
        return ForeignFile("other", "is a SavedModel of TensorFlow", CONVERT)
    if "config.json" in names and any(name.endswith((".safetensors", ".bin")) for name in names):
        return ForeignFile("other", f"is a model of Hugging Face{_architectures(path / 'config.json')}", OTHER_KIND)
    if any(name.endswith(".index") for name in names) and any(".data-0" in name for name in names):
        return ForeignFile("other", "is a checkpoint of TensorFlow", CONVERT)
    models = sorted(name for name in names if name.endswith((".pt", ".pth", ".safetensors")))
    inside = f"it contains {', '.join(models[:3])}; give the name of the file" if models else "give the name of a file"
    return ForeignFile("other", "is a folder, not a model", inside)


def _architectures(config: Path) -> str:
    try:
        with opened(config) as file:
            found = parsed(file.read(1_000_000)).get("architectures", ())
    except (UsageError, ValueError, AttributeError):
        return ""
    return f" ({', '.join(map(str, found))})" if isinstance(found, list) and found else ""


def _archive(file: BinaryIO) -> ForeignFile:
    """A zip archive: of torch, Keras or numpy."""
    try:
        with zipfile.ZipFile(file) as archive:
            return _archive_of(archive)
    # zipfile raises NotImplementedError for an unknown compression, RuntimeError for an encrypted archive.
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return ForeignFile("other", "is truncated or damaged: it begins as an archive and does not end as one", AGAIN)


def _archive_of(archive: zipfile.ZipFile) -> ForeignFile:
    names = [info.filename for info in archive.infolist()]
    parts = {name.partition("/")[2] or name for name in names}
    if "constants.pkl" in parts or any(part.startswith("code/") for part in parts):
        return ForeignFile(
            "torchscript",
            "is a TorchScript program (torch.jit.save), whose code is not run",
            WITHOUT_CODE,
        )
    for name in names:
        if name.rpartition("/")[2] == "data.pkl":
            if archive.getinfo(name).file_size > MAX_PICKLE:
                return ForeignFile("object", "has a list of contents that is too long to check", SAVE_WEIGHTS)
            data = io.BytesIO()
            with archive.open(name) as part:
                shutil.copyfileobj(part, data)  # piece by piece: the archive may claim any size
            data.seek(0)
            return _of_contents(_contents(data))
    if "metadata.json" in parts and any(name.endswith(".weights.h5") for name in names):
        return ForeignFile("keras", "is a model of Keras", MAKES)
    if names and all(name.endswith(".npy") for name in names):
        return ForeignFile("arrays", "is a set of arrays of numpy that no importer knows", CONVERT)
    shown = f" with {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}" if names else ""
    return ForeignFile("other", f"is a zip archive{shown}", "unpack it first, and use the file of the model")


def _mapped(file: BinaryIO) -> BinaryIO:
    """The file in memory: a text that claims to be long then takes no more than the file has."""
    return cast(BinaryIO, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _is_old_pickle(file: BinaryIO, size: int) -> bool:
    """Whether the whole file is one pickle of protocol 0 or 1, which looks like text."""
    return _contents(file) is not None and file.tell() == size


def _pickle(file: BinaryIO) -> ForeignFile:
    """A pickle of torch before 1.6, which is several after each other, or of anything else."""
    found = [_contents(file)]
    try:
        while len(found) < LEGACY_PICKLES:
            found.append(read_pickle_contents(file))
    except ValueError:
        pass
    longest = found[-1] if len(found) == LEGACY_PICKLES else found[0]
    if longest is not None and not longest.classes and not longest.tensors:
        return ForeignFile("object", "is a pickle of plain data without weights", SAVE_WEIGHTS)
    return _of_contents(longest)


def _contents(file: BinaryIO) -> PickleContents | None:
    try:
        return read_pickle_contents(file)
    except ValueError:
        return None


def _of_contents(contents: PickleContents | None) -> ForeignFile:
    if contents is None:
        return ForeignFile("other", "is truncated or damaged: its list of contents does not end", AGAIN)
    if not contents.classes:
        return ForeignFile("torch", "is a file of PyTorch weights", MAKES)
    acting = next((name for name in contents.classes if Name(*name.rpartition(".")[::2]).acts), None)
    if acting is not None:
        return ForeignFile("object" if contents.is_object else "mixed", f"wants to call {acting}", REFUSED)
    shown = ", ".join(contents.classes[:3]) + (" and others" if len(contents.classes) > 3 else "")
    if contents.is_object:
        return ForeignFile(
            "object",
            f"is a whole object of the class {contents.classes[0]}",
            WITHOUT_CODE,
        )
    return ForeignFile(
        "mixed",
        f"contains, beside weights, objects of {shown}",
        WITHOUT_CODE,
    )


def _safetensors(file: BinaryIO, size: int) -> ForeignFile:
    length = int.from_bytes(file.read(8), "little")
    if length > size - 8 or length > MAX_HEADER:
        return ForeignFile("other", f"is truncated or damaged: it has {size:,} bytes, and its header {length:,}", AGAIN)
    try:
        header = parsed(file.read(length))
        metadata = header.pop("__metadata__", {})
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    except (ValueError, RecursionError, AttributeError, TypeError, KeyError, IndexError):
        return ForeignFile("other", "is damaged: its header is not valid JSON", AGAIN)
    if isinstance(metadata, dict) and "seqshell" in metadata:
        return ForeignFile("checkpoint", "is a checkpoint of seqshell", "open it with seqshell -m FILE")
    if end > size - 8 - length:
        needed = end + 8 + length
        return ForeignFile("other", f"is truncated: it has {size:,} bytes, and its tensors end at {needed:,}", AGAIN)
    if not any(map(RECURRENT.search, header)) and any(map(TRANSFORMER.search, header)):
        return ForeignFile(
            "transformer", "was not written by seqshell: it has the weights of a transformer", OTHER_KIND
        )
    return ForeignFile(
        "safetensors",
        "was not written by seqshell: it has weights of another program",
        MAKES,
    )


def _text(head: bytes, path: Path) -> ForeignFile | None:
    """What a file of text is; None if it is none."""
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # else a character is cut at the end of the head
            return None
        text = head[: error.start].decode("utf-8-sig")
    if "\0" in text:
        return None
    start = text.strip()
    if start.lower().startswith(("<!doctype", "<html", "<?xml")):
        return ForeignFile(
            "other", "is a web page, not a model", "download the file itself: the link named raw or download"
        )
    if path.suffix.lower() in MODEL_ENDINGS:  # perhaps the message of a server instead of the file
        first = start.splitlines()[0][:40] if start else ""
        return ForeignFile("other", f"is a text that begins with {first!r}, not a model", AGAIN)
    return ForeignFile("other", "is a text, not a model", "seqshell train FILE trains a model on it")
