"""What an array is for, where the array standard has no type that type checkers could follow: names for signatures.

=========== =====================================================================================================
name        an array that holds
=========== =====================================================================================================
`Array`     anything, of any library
`PerPixel`  one number a pixel (and class): the shape of `pred`, or one that broadcasts to it
`PerRegion` one number a region (and class): the axes of `pred`, of size 1 along those of a region
`PerClass`  one number a class: the axes of `pred`, of size 1 along all but the class axis; or a plain number
`Namespace` no array: the functions of an array library
=========== =====================================================================================================
"""

from __future__ import annotations

from typing import Any

__all__ = ["Array", "Namespace", "PerClass", "PerPixel", "PerRegion"]

Array = Any
PerPixel = Any
PerRegion = Any
PerClass = Any
Namespace = Any
