import { vDiagnosis } from "../../component/diagnosis/validators.js";
import { action, type Lib } from "../define.js";

/** Whether a deployment has all it needs. */
export function exposeDiagnosis(lib: Lib) {
  return {
    /** Key, secrets, provider, gateway, webhooks: what is wrong, and what to do. `npx agent-factory doctor` prints it. */
    diagnose: action({
      sensitivity: "operator",
      args: {},
      returns: vDiagnosis,
      handler: async (ctx) => await ctx.runAction(lib.diagnose, {}),
    }),
  };
}
