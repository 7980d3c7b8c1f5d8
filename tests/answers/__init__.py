"""Right and wrong answers to every exercise: `NAME__right__HOW` and `NAME__wrong__MISTAKE__HOW`, a file a lesson."""
