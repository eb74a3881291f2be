"""A sample's own sequence: its phased variants put into the genome, haplotype by haplotype."""
