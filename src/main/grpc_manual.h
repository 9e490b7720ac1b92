/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc_manual: the part of the manual about gRPC and gRPC-Web.
 */
#pragma once

#include <stdio.h>

void grpc_print_manual(FILE *to);
