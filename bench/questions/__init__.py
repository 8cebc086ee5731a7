"""The questions, one file each."""
from . import funnel, funnel_where_by, retention, sessions, timelines, transitions

QUESTIONS = (funnel.QUESTION, funnel_where_by.QUESTION, sessions.QUESTION, transitions.QUESTION, retention.QUESTION)
IMPORT = timelines.IMPORT
