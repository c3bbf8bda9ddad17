"""Downloads of models. Only this package uses the network, and only for `seqshell pull`.

sources    what the user names: a URL, or a file of a repository on Hugging Face
transport  requests over https, with few redirects
offer      what a server offers, from the beginning of the file
part       the unfinished file, which can be continued
fetching   the bytes, with progress, then the check of hash and content, then the final name
"""
