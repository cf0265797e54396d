/** Of a request, by HTTPS or over the link, in characters. */
export const MESSAGE_LENGTH_MAX = 16_384;
/** Alertmanager sends a group of alerts with all their labels in one message. */
export const ALERTS_LENGTH_MAX = 262_144;
