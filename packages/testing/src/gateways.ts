/** What the simulator and the apps have in common. */
export const GATEWAY_SECRETS = {
  MIDTRANS_SERVER_KEY: 'SB-Mid-server-test',
  XENDIT_SECRET_KEY: 'xnd_development_test',
  XENDIT_CALLBACK_TOKEN: 'callback-token',
} as const;
