// Every form posts its fields as JSON to `data-post`. What comes back is shown as text, never as HTML.

const answer = document.getElementById("answer");

async function ask(path, options) {
  const response = await fetch(path, { credentials: "include", ...options }).catch(() => null);
  const data = response ? await response.json().catch(() => ({})) : { error: "The server cannot be reached." };
  return { ok: response?.ok ?? false, status: response?.status, data };
}

function post(path, body) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

function show({ ok, status, data }) {
  answer.textContent = ok ? (data.message ?? JSON.stringify(data, null, 2)) : `${status ?? ""} ${data.error ?? "That did not work."}`;
}

function showStatus(user, source) {
  const name = user && (user.name ? `${user.name} (${user.email})` : user.email);
  document.getElementById("status").textContent = name ? `Logged in as ${name}, by ${source}.` : "Not logged in.";
}

async function refreshStatus() {
  const { ok, data } = await ask("/auth/user");
  showStatus(ok ? data.user : null, "cookie");
}

for (const form of document.querySelectorAll("form[data-post]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const result = await post(form.dataset.post, Object.fromEntries(new FormData(form)));
    show(result);
    if (result.ok) form.reset();
    if (result.ok && form.dataset.then === "status") await refreshStatus();
  });
}

document.getElementById("endpoints").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { path, token } = Object.fromEntries(new FormData(event.target));
  const { status, data } = await ask(path, token ? { headers: { Authorization: `Bearer ${token}` } } : {});
  answer.textContent = `${status ?? ""} ${JSON.stringify(data, null, 2)}`;
});

// Somebody followed a link from a mail: put its token into the form that it is for, and out of the address.
const token = new URLSearchParams(location.search).get("token");
const form = document.querySelector(`form[data-link="${CSS.escape(location.pathname)}"]`);
if (token && form) {
  form.elements.token.value = token;
  history.replaceState(null, "", "/");
  form.querySelector("button").focus();
  form.scrollIntoView();
  if (form.dataset.check) {
    post(form.dataset.check, { token }).then((result) => {
      if (result.ok && !result.data.valid) answer.textContent = "This link works no more.";
    });
  }
}

const { user, auth_source } = JSON.parse(document.getElementById("data").textContent);
showStatus(user, auth_source);
