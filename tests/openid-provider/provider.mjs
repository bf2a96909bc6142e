// A provider of identities on this machine: npm's oidc-provider with its own pages. Whoever types a
// name is that account; `wei` is in the group `leads`, and the address of `unverified` is not verified.
//
//   node provider.mjs PORT KID REDIRECT_URI AFTER_SIGN_OUT CLIENT_SECRET
//
// Prints one line when it listens. KID names its key, which is made anew with each start.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { Provider } from "oidc-provider";

const [port, kid, redirectUri, afterSignOut, secret] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "tradewind",
      client_secret: secret,
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [afterSignOut],
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" }] },
  cookies: { keys: [randomBytes(32).toString("hex")] },
  pkce: { required: () => true },
  claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
  findAccount: (_context, login) => ({
    accountId: login,
    claims: () => ({
      sub: login,
      email: `${login}@shop.example`,
      email_verified: login !== "unverified",
      groups: login === "wei" ? ["leads"] : [],
    }),
  }),
});

const server = provider.listen(Number(port), "127.0.0.1", () => console.log(`listening on ${issuer}`));
process.on("SIGTERM", () => {
  server.closeAllConnections();
  server.close(() => process.exit(0));
});
