"""The runtime API."""

from runtime_api import *  # noqa: F403
