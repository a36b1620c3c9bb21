import type { SeedProduct } from '@antrean/db';

export const DEMO_CATALOGUE: readonly SeedProduct[] = [
  {
    sku: 'KOPI-GAYO-250',
    name: 'Kopi Gayo 250 g',
    description: 'Kopi arabika dari Aceh Tengah, sangrai sedang.',
    category: 'kopi',
    priceRupiah: 85_000,
    onHand: 500,
  },
  {
    sku: 'BATIK-PARANG-M',
    name: 'Kemeja Batik Parang, M',
    description: 'Katun cap dari Pekalongan.',
    category: 'busana',
    priceRupiah: 275_000,
    onHand: 120,
  },
  {
    sku: 'SAMBAL-ROA-150',
    name: 'Sambal Roa 150 g',
    description: 'Sambal ikan roa dari Manado.',
    category: 'makanan',
    priceRupiah: 42_000,
    onHand: 800,
  },
  {
    sku: 'TENUN-IKAT-SYAL',
    name: 'Syal Tenun Ikat',
    description: 'Tenun tangan dari Sumba Timur.',
    category: 'busana',
    priceRupiah: 320_000,
    onHand: 60,
  },
  {
    sku: 'SEPATU-KANVAS-42',
    name: 'Sepatu Kanvas Obral, 42',
    description: 'Barang obral: stok terbatas.',
    category: 'sepatu',
    priceRupiah: 149_000,
    onHand: 50,
  },
];
