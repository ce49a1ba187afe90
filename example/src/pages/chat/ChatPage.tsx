import { useQuery } from "convex/react";
import { api } from "../../../convex/_generated/api.js";
import { useMe } from "../../app/useMe.js";
import { Loading } from "../../parts/Empty.js";
import { ChooseAgent } from "./ChooseAgent.js";
import { Conversation } from "./Conversation.js";
import { Onboarding } from "./Onboarding.js";

/** A user's agent: the conversation with it, and the way to have it in Telegram. */
export default function ChatPage() {
  const { userId } = useMe();
  const overview = useQuery(api.agentFactory.getUserAgentsOverview, { consumerUserId: userId });
  if (overview === undefined) return <Loading />;
  const { activeAgentKey: agentKey } = overview;
  if (agentKey === null) return <ChooseAgent />;
  return (
    <div className="chat-page">
      <Conversation key={agentKey} agentKey={agentKey} />
      <Onboarding key={`${agentKey}-telegram`} agentKey={agentKey} />
    </div>
  );
}
