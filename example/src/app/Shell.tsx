import { useQuery } from "convex/react";
import { Suspense } from "react";
import { api } from "../../convex/_generated/api.js";
import { FaultBar } from "../local/FaultBar.js";
import { QueueHistory } from "../pages/queue/history.js";
import { Loading } from "../parts/Empty.js";
import { Guarded } from "../parts/Guarded.js";
import { Notice } from "../parts/Notice.js";
import { ROUTES, usePath, type Route } from "./routes.js";
import { Conditions } from "./Conditions.js";
import { MeContext, type Me } from "./useMe.js";

/** The frame of all pages: who you are, where you can go, where you are. */
export function Shell({ onSignOut }: { onSignOut: () => void }) {
  const me = useQuery(api.people.me, {});
  const path = usePath();
  if (me === undefined) return <Loading />;
  if (me === null)
    return (
      <main className="lonely">
        <Notice tone="bad" title="The deployment did not accept this sign-in">
          <p>
            It believes the providers that <code>convex/auth.config.ts</code> names, once that file
            is pushed (<code>npx convex dev</code>), and the demo sign-in only while{" "}
            <code>AGENT_FACTORY_DEMO_SIGN_IN</code> is <code>1</code>.
          </p>
          <p>
            <button type="button" onClick={onSignOut}>
              Back
            </button>
          </p>
        </Notice>
      </main>
    );
  const routes = ROUTES.filter((route) => me.isOperator || route.for === "everybody");
  const route = routes.find((r) => r.path === path) ?? routes[0];
  if (route === undefined) return null;
  return (
    <MeContext value={me}>
      <div className="shell">
        <Navigation routes={routes} current={route} me={me} onSignOut={onSignOut} />
        <main id="page" key={route.path} tabIndex={-1}>
          <title>{`${route.title} · Agent factory`}</title>
          <h1>{route.title}</h1>
          {me.isOperator && <FaultBar />}
          {me.isOperator && (
            <Guarded what="The state of the deployment">
              <Conditions />
            </Guarded>
          )}
          {!me.hasOperators && (
            <Notice tone="warn" title="Nobody operates this deployment">
              Name who may, by user id: <code>npx convex env set OPERATOR_IDS {me.userId}</code>
            </Notice>
          )}
          <Guarded what={route.title}>
            <Suspense fallback={<Loading />}>
              <route.page />
            </Suspense>
          </Guarded>
        </main>
        {me.isOperator && (
          <Guarded what="The queue's history">
            <QueueHistory />
          </Guarded>
        )}
      </div>
    </MeContext>
  );
}

type NavigationProps = {
  routes: readonly Route[];
  current: Route;
  me: Me;
  onSignOut: () => void;
};

function Navigation({ routes, current, me, onSignOut }: NavigationProps) {
  return (
    <header className="side">
      <a
        className="skip"
        href={`#/${current.path}`}
        onClick={() => document.getElementById("page")?.focus()}
      >
        Skip to the page
      </a>
      <p className="brand">Agent factory</p>
      <nav aria-label="Pages">
        <ul>
          {routes.map((route) => (
            <li key={route.path}>
              <a href={`#/${route.path}`} aria-current={route === current ? "page" : undefined}>
                {route.title}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <div className="who">
        <span>
          <strong>{me.userId}</strong> <small>{me.isOperator ? "operator" : "user"}</small>
        </span>
        <small className="stand-in">demo sign-in</small>
        <button type="button" className="quiet" onClick={onSignOut}>
          Sign out
        </button>
      </div>
    </header>
  );
}
