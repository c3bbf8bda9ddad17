"""Bulk work: the lines of files in batches, in processes here or on a Ray cluster, with an output that can be resumed.

lines.py cuts the input into batches, work.py maps a batch to its results, pool.py and ray_data.py run that in many
processes, output.py keeps what is done, and run.py joins them.
"""
