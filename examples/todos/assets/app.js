// Sends forms without leaving the page. `data-next` is where to go afterwards, `data-into` the list that the answer is added to,
// `data-replace` puts the answer in place of the row that the form is in.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  const { next, into, replace, method } = form.dataset;
  if (next === undefined && into === undefined && replace === undefined) return;
  event.preventDefault();

  const options = { method: method ?? form.method, body: new URLSearchParams(new FormData(form)) };
  const answer = await fetch(form.action, options).catch(() => null);
  const text = answer ? await answer.text() : "The server cannot be reached.";
  if (answer?.redirected) return location.assign(answer.url);
  document.querySelector(".problem").textContent = answer?.ok ? "" : problem(text);
  if (!answer?.ok) return;

  // Fragments are the server's own HTML, which has escaped what people wrote.
  if (next !== undefined) return location.assign(next);
  if (replace !== undefined) return (form.closest("li").outerHTML = text);
  document.getElementById(into).insertAdjacentHTML("beforeend", text);
  form.reset();
});

function problem(text) {
  try {
    return JSON.parse(text).error;
  } catch {
    return text || "That did not work.";
  }
}
