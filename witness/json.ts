/** Of a request, by HTTPS or over the link, in characters. */
export const MESSAGE_LENGTH_MAX = 16_384;

/** Undefined if it is no JSON, which no schema accepts. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
