"""Which of the usable rows are used: optional steps in the order that the program file gives."""
