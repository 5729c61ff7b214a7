"""What can be named: catalogs of the extension folders, plug-ins and selections. Imports no torch."""
