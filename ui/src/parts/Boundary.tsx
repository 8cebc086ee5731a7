/** What stands in place of a screen that failed; another screen begins anew. */
import { Component, type ReactNode } from "react";
import { ProblemCard } from "./States";

export class Boundary extends Component<{ children: ReactNode; place: string }, { error: unknown; place: string }> {
  state = { error: null, place: this.props.place };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  static getDerivedStateFromProps(props: { place: string }, state: { place: string }) {
    return props.place === state.place ? null : { error: null, place: props.place };
  }

  render() {
    if (this.state.error === null) return this.props.children;
    return (
      <div className="stack">
        <h1>This screen failed</h1>
        <ProblemCard error={this.state.error} retry={() => window.location.reload()} />
      </div>
    );
  }
}
