import { useQuery } from "convex/react";
import { api } from "../../../convex/_generated/api.js";
import { useMe } from "../../app/useMe.js";
import { Phone } from "../../local/Phone.js";
import { Loading } from "../../parts/Empty.js";
import { Panel } from "../../parts/Panel.js";
import { LinkStep, PairingStep } from "./PairingSteps.js";
import { TokenStep } from "./TokenStep.js";
import { WebhookStep } from "./WebhookStep.js";

const STEPS = [
  { action: "import_token", title: "Bring a bot", step: TokenStep },
  { action: "configure_webhook", title: "Connect it", step: WebhookStep },
  { action: "create_pairing", title: "Get your link", step: PairingStep },
  { action: "complete_pairing", title: "Open it in Telegram", step: LinkStep },
] as const;

/** The four steps from nothing to an agent in Telegram; the component says which one is next. */
export function Onboarding({ agentKey }: { agentKey: string }) {
  const { userId } = useMe();
  const state = useQuery(api.agentFactory.getUserAgentOnboardingState, {
    consumerUserId: userId,
    agentKey,
  });
  const current = STEPS.findIndex((step) => step.action === state?.nextAction);
  const isReady = state?.nextAction === "ready";
  return (
    <aside className="stack" aria-label="Telegram">
      <Panel title="In Telegram">
        {state === undefined ? (
          <Loading />
        ) : (
          <>
            {isReady && (
              <p>
                Linked. Write to{" "}
                <strong>
                  {state.telegramUsername === null ? "your bot" : `@${state.telegramUsername}`}
                </strong>{" "}
                in Telegram, or here.
              </p>
            )}
            <ol className="steps">
              {STEPS.map(({ action, title, step: Step }, index) => {
                const isDone = isReady || index < current;
                return (
                  <li
                    key={action}
                    className={isDone ? "done" : index === current ? "current" : "later"}
                    aria-current={index === current ? "step" : undefined}
                  >
                    <h3>
                      {title}
                      {isDone && <span className="unseen"> (done)</span>}
                    </h3>
                    {index === current && (
                      <Step agentKey={agentKey} deepLink={state.pairingDeepLink} />
                    )}
                  </li>
                );
              })}
            </ol>
          </>
        )}
      </Panel>
      <Phone deepLink={isReady ? null : (state?.pairingDeepLink ?? null)} />
    </aside>
  );
}
