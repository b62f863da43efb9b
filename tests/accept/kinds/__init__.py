"""Every documented event kind of every provider, with what has to come out of it.

Written from providers.md alone: sections 1 to 5 say what is sent, section 7 what it means.
"""

from kinds import accessgrid, alocity, cvent, genea, glofox, gxp
from kinds.kind import Kind, topic_of

__all__ = ["Kind", "all_kinds", "topic_of"]


def all_kinds() -> list[Kind]:
    return [
        *glofox.kinds(),
        *alocity.kinds(),
        *gxp.kinds(),
        *genea.kinds(),
        *accessgrid.kinds(),
        *cvent.kinds(),
    ]
