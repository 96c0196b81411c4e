"""Running the project on one machine: the local stack, the synthetic traffic, the main job. Not deployed."""
