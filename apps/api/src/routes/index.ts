import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { cancelOrderRoute } from './cancel-order.ts';
import { healthRoutes } from './health.ts';
import { listProductsRoute } from './list-products.ts';
import { orderEventsRoute } from './order-events.ts';
import { paymentMethodsRoute } from './payment-methods.ts';
import { placeOrderRoute } from './place-order.ts';
import { readOrderRoute } from './read-order.ts';
import { readProductRoute } from './read-product.ts';
import { shipOrderRoute } from './ship-order.ts';
import { changePaymentMethodRoute } from './change-payment-method.ts';
import { transferProofRoute } from './transfer-proof.ts';
import { webhookRoutes } from './webhooks.ts';

/** Every route of the API. */
export function registerRoutes(app: ApiRouter, deps: ApiDependencies): void {
  placeOrderRoute(app, deps);
  readOrderRoute(app, deps);
  orderEventsRoute(app, deps);
  cancelOrderRoute(app, deps);
  shipOrderRoute(app, deps);
  paymentMethodsRoute(app, deps);
  changePaymentMethodRoute(app, deps);
  transferProofRoute(app, deps);
  listProductsRoute(app, deps);
  readProductRoute(app, deps);
  webhookRoutes(app, deps);
  healthRoutes(app, deps);
}
