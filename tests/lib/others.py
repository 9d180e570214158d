"""Whether another user than root can reach what was built: a clone below /root (mode 0700) is not for others."""
import os
import stat


def others_reach(path):
    path = os.path.realpath(path)
    while path != '/':
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return False
        path = os.path.dirname(path)
    return True
