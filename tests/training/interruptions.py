"""A run that is stopped between two checkpoints."""

from mrl_search.training.dynamics import Dynamics


def interrupted_after(steps):
    """Dynamics' own note of a step, interrupted after so many."""
    noted = Dynamics.on_pre_optimizer_step

    def note(dynamics, args, state, control, **told):
        if state.global_step == steps:
            raise KeyboardInterrupt
        return noted(dynamics, args, state, control, **told)

    return note
