"""What `nox -s lint` checks: rules that sources, translations and recorded outputs keep, beyond what building needs."""
