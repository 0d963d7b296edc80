"use strict";

const field = (id) => document.getElementById(id);

async function ask() {
  const headers = { "content-type": "application/json", accept: "application/graphql-response+json" };
  const token = field("token").value.trim();
  if (token) headers.authorization = `Bearer ${token}`;
  const variables = JSON.parse(field("variables").value || "{}");
  const body = JSON.stringify({ query: field("query").value, variables });
  const answer = await fetch("/graphql", { method: "POST", headers, body });
  return `${answer.status}\n${JSON.stringify(await answer.json(), null, 2)}`;
}

field("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  field("answer").textContent = await ask().catch((error) => String(error));
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey && event.key === "Enter") field("ask").requestSubmit();
});
