import { createContext, useContext } from "react";

export type Me = { userId: string; isOperator: boolean; hasOperators: boolean };

export const MeContext = createContext<Me | null>(null);

/** The signed-in user; pages exist only inside a shell that knows it. */
export function useMe(): Me {
  const me = useContext(MeContext);
  if (me === null) throw new Error("useMe is for pages inside the shell.");
  return me;
}
