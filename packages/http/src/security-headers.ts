import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';

/** The content policy of an app whose answers are JSON and nothing else. Its page of documentation has one of its own. */
export const JSON_CONTENT_POLICY = { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] } as const;

/**
 * What helmet sets under this policy; the headers that only concern pages are left out. They are the same each time, so
 * an app asks for them once.
 */
export function securityHeaders(
  contentPolicy: Readonly<Record<string, readonly string[]>>,
): Readonly<Record<string, string>> {
  return headersOf(
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives: contentPolicy },
      crossOriginOpenerPolicy: false,
      originAgentCluster: false,
      xDnsPrefetchControl: false,
      xDownloadOptions: false,
      xPermittedCrossDomainPolicies: false,
      xXssProtection: false,
    }),
  );
}

function headersOf(middleware: ReturnType<typeof helmet>): Record<string, string> {
  const headers: Record<string, string> = {};
  const response = {
    setHeader: (name: string, value: string) => {
      headers[name.toLowerCase()] = value;
    },
    removeHeader: () => undefined,
  };
  // helmet reads nothing of the request, and of the response only sets and removes headers.
  middleware({} as IncomingMessage, response as unknown as ServerResponse, (error) => {
    if (error !== undefined) throw error instanceof Error ? error : new Error('helmet failed');
  });
  return headers;
}
