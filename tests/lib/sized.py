"""How much of a test is done."""
import os

LENGTH = os.environ.get('NETINFO_TEST_LENGTH', '')  # quick, long, anything else; ./dev test sets it


def sized(quick, normal, most, by_hand=''):
    """One of three numbers, by LENGTH, in the test's own unit. The variable by_hand, when it is set, says the number itself, for one test."""
    return int(os.environ.get(by_hand) or {'quick': quick, 'long': most}.get(LENGTH, normal))
