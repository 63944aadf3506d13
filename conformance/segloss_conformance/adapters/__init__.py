"""How somebody's function is called: bindings, their configuration, and the calls themselves."""

from .binding import Binding, bind
from .expression import ConfigurationError

__all__ = ["Binding", "ConfigurationError", "bind"]
