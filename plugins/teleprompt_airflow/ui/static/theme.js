// As Airflow's own pages: light, dark, or what the system says.
const chosen = localStorage.getItem("theme");
if (chosen === "light" || chosen === "dark") {
  document.documentElement.dataset.theme = chosen;
}
addEventListener("storage", (event) => {
  if (event.key === "theme" && event.newValue) document.documentElement.dataset.theme = event.newValue;
});
