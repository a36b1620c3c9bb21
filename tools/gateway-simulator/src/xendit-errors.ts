/** The HTTP status of each error_code that is not 400. From the error models of xendit-node. */
const statuses: Record<string, number> = {
  INVALID_API_KEY: 401,
  REQUEST_FORBIDDEN_ERROR: 403,
  ACCESS_SUSPENDED: 403,
  UNAUTHORIZED: 403,
  INVOICE_NOT_FOUND_ERROR: 404,
  CALLBACK_VIRTUAL_ACCOUNT_NOT_FOUND_ERROR: 404,
  UNIQUE_ACCOUNT_NUMBER_UNAVAILABLE_ERROR: 404,
  DATA_NOT_FOUND: 404,
  DUPLICATE_ERROR: 409,
  IDEMPOTENCY_ERROR: 409,
  RATE_LIMIT_EXCEEDED: 429,
  SERVER_ERROR: 500,
  CHANNEL_UNAVAILABLE: 503,
  OTP_DELIVERY_ERROR: 503,
};

export const statusOfError = (code: string): number => statuses[code] ?? 400;

export const errorBody = (code: string, message: string, errors?: unknown[]) => ({
  error_code: code,
  message,
  ...(errors ? { errors } : {}),
});
