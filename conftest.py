"""For every test and doctest: the package is imported as a package, before pytest meets one of its modules by path.

With ``--import-mode=importlib`` pytest would otherwise execute such a module beside the package's own copy of it, which
registers its losses a second time, and results would depend on the order of the files.
"""

import segloss_ref  # noqa: F401
