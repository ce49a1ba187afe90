import { ConvexProvider, ConvexReactClient } from "convex/react";
import { useEffect, useState } from "react";
import { Notice } from "../parts/Notice.js";
import { convexUrl } from "./config.js";
import { tokenFetcher, useSignIn } from "./identity.js";
import { Shell } from "./Shell.js";
import { SignInPage } from "./SignInPage.js";

export function App() {
  const { userId, signIn, signOut } = useSignIn();
  if (convexUrl === null)
    return (
      <main className="lonely">
        <Notice tone="bad" title="This page does not know its deployment">
          Start it with <code>npm run demo</code> (a local world) or <code>npm run dev</code> (your
          deployment: the Convex CLI writes <code>VITE_CONVEX_URL</code> to <code>.env.local</code>
          ). A build of your own needs{" "}
          <code>VITE_CONVEX_URL=https://&lt;name&gt;.convex.cloud</code>.
        </Notice>
      </main>
    );
  if (userId === null) return <SignInPage url={convexUrl} onSignIn={signIn} />;
  return <SignedIn key={userId} url={convexUrl} userId={userId} onSignOut={signOut} />;
}

type SignedInProps = { url: string; userId: string; onSignOut: () => void };

/** One client per user: what the last user saw is gone with it. */
function SignedIn({ url, userId, onSignOut }: SignedInProps) {
  const [client, setClient] = useState<ConvexReactClient | null>(null);
  useEffect(() => {
    const created = new ConvexReactClient(url);
    created.setAuth(tokenFetcher(url, userId));
    setClient(created);
    return () => {
      void created.close();
    };
  }, [url, userId]);
  if (client === null) return null;
  return (
    <ConvexProvider client={client}>
      <Shell onSignOut={onSignOut} />
    </ConvexProvider>
  );
}
