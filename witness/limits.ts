/** Of a request, by HTTPS or over the link, in characters: a hello names 512 groups, of 110 characters each with the longest names. */
export const MESSAGE_LENGTH_MAX = 65_536;
/** Alertmanager sends a group of alerts with all their labels in one message. */
export const ALERTS_LENGTH_MAX = 262_144;
