"""From sources and catalogues to one plain source tree per language; knows nothing of runs."""
