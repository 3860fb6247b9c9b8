// Before the first paint: the theme that the visitor chose, lest the other one flash up.
try {
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // Storage is refused: then there is no choice to remember.
}
