// New tickets to try the bundled sample with: as customers of its hosting platform would write them.

export const examples = [
  {
    name: "401 after a key rotation",
    subject: "All requests return 401",
    text: "API keys rotated this morning and now all requests return 401 Unauthorized. The new key is in the variables, we checked twice. Orders cannot be taken.",
  },
  {
    name: "Deploy cannot reach the database",
    subject: "Database refuses us since the release",
    text: "Right after today's deploy the app stopped connecting: FATAL: no pg_hba.conf entry for host, no encryption. The connection string is the same as yesterday.",
  },
  {
    name: "Charged twice",
    subject: "Two invoices for one month",
    text: "Our card was charged two times for October, the amounts are the same. Please give one of them back and tell me why this happened.",
  },
  {
    name: "Webhooks come twice",
    subject: "Duplicate webhooks",
    text: "Since Monday each order is announced to our endpoint two times, about ten seconds apart. We create double shipments because of it.",
  },
  {
    name: "A question about logs",
    subject: "How long are logs kept?",
    text: "Hi, for our audit I need to know how long you keep the application logs and whether we can export them somewhere. No hurry, thanks!",
  },
  {
    name: "Nothing like it",
    subject: "Coffee machine",
    text: "The coffee machine on the third floor makes a strange noise and the milk is cold. Can somebody have a look at it?",
  },
];
