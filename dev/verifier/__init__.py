"""The source of docs/scripts/verify.js and of the page docs/verify.html."""
