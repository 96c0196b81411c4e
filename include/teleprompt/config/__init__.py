"""What a program file may say, and the settings of the environment the package runs in."""
