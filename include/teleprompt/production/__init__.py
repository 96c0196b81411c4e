"""What becomes of a version in production: a challenger that has to prove itself, a champion that is watched."""
