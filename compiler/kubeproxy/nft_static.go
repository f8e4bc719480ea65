package kubeproxy

import "tortie/dataplane/nf"

func nftTable(in *input) nf.Table { return nf.Table{} }
