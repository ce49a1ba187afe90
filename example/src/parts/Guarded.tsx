import { Component, type ReactNode } from "react";
import { errorText } from "../format/errors.js";
import { Notice } from "./Notice.js";

type Props = { what: string; children: ReactNode };
type State = { error: unknown };

/** Queries that fail throw while rendering; this shows the sentence in their place. */
export class Guarded extends Component<Props, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override render(): ReactNode {
    if (this.state.error === null) return this.props.children;
    return (
      <Notice tone="bad" title={`${this.props.what} cannot be shown`}>
        <p>{errorText(this.state.error)}</p>
        <button type="button" onClick={() => this.setState({ error: null })}>
          Try again
        </button>
      </Notice>
    );
  }
}
