/** What was found out about one thing, for a person. */
export type Finding =
  | { readonly level: 'ok'; readonly topic: string; readonly found: string }
  | {
      /** `problem`: the pair will not do what it promises. `warning`: somebody should know, or look. */
      readonly level: 'warning' | 'problem';
      /** The thing: `eth0`, `witness clock`. */
      readonly topic: string;
      readonly found: string;
      /** What to do about it. */
      readonly remedy: string;
    };

export function ok(topic: string, found: string): Finding {
  return { level: 'ok', topic, found };
}

export function warning(topic: string, found: string, remedy: string): Finding {
  return { level: 'warning', topic, found, remedy };
}

export function problem(topic: string, found: string, remedy: string): Finding {
  return { level: 'problem', topic, found, remedy };
}

/** The findings, or, if there are none, that all is well. */
export function orOk(findings: readonly Finding[], topic: string, found: string): readonly Finding[] {
  return findings.length === 0 ? [ok(topic, found)] : findings;
}
