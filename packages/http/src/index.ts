// An app without routes, and its graceful shutdown.
export { createApp } from './app.ts';
export { closeGracefully } from './closing.ts';
export { JSON_CONTENT_POLICY, securityHeaders } from './security-headers.ts';

// Rules of routes, and the routes that every app has.
export { type PluginRoutes, type Router, type RouteRules } from './routes.ts';
export { healthRoutes } from './health.ts';
export { ifNoneMatch, noBody, noQuery } from './schemas.ts';
export { isTagNamed } from './entity-tags.ts';

// Problems (RFC 9457), and the languages of messages for customers.
export { COMMON_PROBLEMS, Problem } from './problems.ts';
export { type Language, languageOf, type Texts } from './language.ts';

// The OpenAPI document.
export { COMMON_HEADERS, headersFrom } from './answer-headers.ts';
export { type ApiAbout, describeApi } from './openapi.ts';
export { answersFor, commonCodesOf, problemSchema } from './problem-answers.ts';
