"""May vectors be cut, and which funnel is the fastest that is good enough? `docs/tuning.md` says how it is decided."""

from mrl_search.tuning.doctor import Diagnosis, diagnosis, doctor
from mrl_search.tuning.pictures import new_figure, plot_diagnosis, plot_tuning
from mrl_search.tuning.pictures import write as write_figure
from mrl_search.tuning.subject import TEXTS, Subject, drawn_texts, subject
from mrl_search.tuning.tables import diagnosis_table, tuning_table
from mrl_search.tuning.tune import Tuning, measured, record_of, tune
from mrl_search.tuning.wish import Wish

__all__ = [
    "TEXTS",
    "Diagnosis",
    "Subject",
    "Tuning",
    "Wish",
    "diagnosis",
    "diagnosis_table",
    "doctor",
    "drawn_texts",
    "measured",
    "new_figure",
    "plot_diagnosis",
    "plot_tuning",
    "record_of",
    "subject",
    "tune",
    "tuning_table",
    "write_figure",
]
