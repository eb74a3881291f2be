// Sort a table by a column, filter its rows, show all of them. Without this script the page still reads.
document.querySelectorAll(".tablebox").forEach(function (box) {
  var body = box.querySelector("tbody"), heads = box.querySelectorAll("th");
  function open() {
    box.classList.add("open");
    var all = box.querySelector("button.all");
    if (all) { all.remove(); }
  }
  heads.forEach(function (head, column) {
    head.querySelector("button").addEventListener("click", function () {
      var text = head.getAttribute("aria-sort"), numeric = true, rows = Array.from(body.rows);
      var keys = rows.map(function (row) {
        var key = row.cells[column].dataset.order;
        if (key === "" || isNaN(key)) { numeric = false; }
        return key;
      });
      var first = numeric ? "descending" : "ascending";
      var way = text === null ? first : text === "ascending" ? "descending" : "ascending";
      var sign = way === "ascending" ? 1 : -1;
      var order = rows.map(function (row, i) { return i; }).sort(function (a, b) {
        return sign * (numeric ? keys[a] - keys[b] : keys[a].localeCompare(keys[b], "en", { numeric: true }));
      });
      heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", way);
      var shown = rows.filter(function (row) { return !row.classList.contains("more"); }).length;
      order.forEach(function (i, place) {
        rows[i].classList.toggle("more", place >= shown);
        body.appendChild(rows[i]);
      });
    });
  });
  var input = box.querySelector("input[type=search]");
  if (input) {
    input.addEventListener("input", function () {
      open();
      var wanted = input.value.toLowerCase();
      Array.from(body.rows).forEach(function (row) {
        row.hidden = wanted !== "" && row.textContent.toLowerCase().indexOf(wanted) < 0;
      });
    });
  }
  var all = box.querySelector("button.all");
  if (all) { all.addEventListener("click", open); }
});
