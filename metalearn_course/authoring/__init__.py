"""What an author and CI call: build the exercises, store a lesson, prove the whole course."""
