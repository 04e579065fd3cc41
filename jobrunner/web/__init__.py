"""Outside services that are not AWS's, behind the ports of `core.ports`, with the standard library's HTTP."""

from __future__ import annotations
