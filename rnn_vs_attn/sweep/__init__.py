"""Several runs out of one file, here or as jobs of a cluster: read, checked, run, gone on with and summed up."""
