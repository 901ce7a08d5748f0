"""What Bullpen is measured beside; each is a program that one process runs."""
