import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';

/** The content policy of an app that answers only JSON. Its documentation page has its own. */
export const JSON_CONTENT_POLICY = { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] } as const;

/**
 * The headers that helmet sets under this policy, without those that only concern pages. They never change,
 * so an app builds them once.
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
  // helmet does not read the request, and only sets and removes headers of the response.
  middleware({} as IncomingMessage, response as unknown as ServerResponse, (error) => {
    if (error !== undefined) throw error instanceof Error ? error : new Error('helmet failed');
  });
  return headers;
}
